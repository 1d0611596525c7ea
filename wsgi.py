"""Settings from the environment to the application: what gunicorn loads in each worker (`wsgi:application`)."""

import os

from web.starting import start

application = start(os.environ)
