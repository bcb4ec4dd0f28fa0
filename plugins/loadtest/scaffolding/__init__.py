"""`loadtest init`: from what is known of somebody's service to a project folder with a scenario that runs."""
