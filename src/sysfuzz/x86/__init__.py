"""What the CPU can do: the catalogue of kernel entries, decoding, named blocks of code."""
