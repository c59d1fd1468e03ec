"""The floor: raw protocols on uvloop, polls in five groups a second, decoded and published in the callback."""
