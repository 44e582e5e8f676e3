"""All that touches Redis: names, our RQ job class, wake lists, live log streams. Nothing here is the only copy of anything."""
