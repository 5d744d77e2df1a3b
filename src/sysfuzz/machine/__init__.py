"""The emulated CPU at ring 3. Knows no kernel: it asks for pages and says why it stopped."""
