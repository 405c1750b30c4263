"""Child only: from a video file to decoded frames and copied packets, and back to a video file."""
