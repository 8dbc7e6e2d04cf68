"""Pages of the mirror for people, without JavaScript, and the JSON twin of each."""
