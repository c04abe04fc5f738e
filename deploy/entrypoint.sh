#!/bin/sh
# Any of the services may be the first in a new volume, or the first after an upgrade.
set -e
python -m orchestration home --renew-settings
exec "$@"
