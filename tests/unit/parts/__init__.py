"""How the real parts are kept, without any of them."""
