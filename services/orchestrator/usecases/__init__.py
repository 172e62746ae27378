"""What people ask of runs: quotes, starts, pauses, settings. What runs do by themselves is in `engine`."""
