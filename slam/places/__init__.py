"""Place recognition: what a frame looks like as one vector, and which keyframes look alike."""
