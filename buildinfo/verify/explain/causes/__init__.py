"""The causes, by what they show in."""
