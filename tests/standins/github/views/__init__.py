"""What GitHub's bodies say of the things it knows: plain functions of an object to the JSON that the description asks for."""
