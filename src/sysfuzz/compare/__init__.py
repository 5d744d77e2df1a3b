"""Designs side by side: which of them leaves which way out of a guarded region open, each answer with a program that shows it."""
