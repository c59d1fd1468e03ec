"""Ring 0: the nouns. They import nothing of ours but each other."""
