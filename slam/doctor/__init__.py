"""The camera doctor: what is wrong with a camera, a recording or this machine, and what to do about it."""
