from . import export
from . import mailing
