"""Which of a rig's own channels each ARKit unit and the head's rotation drive."""
