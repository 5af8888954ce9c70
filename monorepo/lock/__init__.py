"""mono.lock: the model, and its reader and writer."""
