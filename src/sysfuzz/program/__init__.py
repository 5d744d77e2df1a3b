"""What a test case is and how it is written down: values, text, wire form, outcomes, expectations."""
