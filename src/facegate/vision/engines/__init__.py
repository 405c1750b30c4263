"""Analysis that is not facegate's own: mediapipe, and detectors that other packages offer. Child side only."""
