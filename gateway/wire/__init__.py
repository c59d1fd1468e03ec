"""Ring 1: our nouns to and from the words of each upstream."""
