"""How long a second run of the site takes, beside the same resources kept by stock Ansible tasks and by pyinfra."""
