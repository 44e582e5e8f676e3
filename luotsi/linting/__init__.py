"""What `luotsi lint` is made of: finding the files, checking them, and saying what was found in three forms."""
