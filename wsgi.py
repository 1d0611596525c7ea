"""Settings from the environment to the application: what gunicorn loads in each worker (`wsgi:application`)."""

import os

from edge.log import configure_logging
from edge.settings import load_settings
from web.app import create_application

settings = load_settings(os.environ)
configure_logging(settings.log_level)
application = create_application(settings)
