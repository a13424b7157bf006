from . import coupon
from . import export
from . import mailing
from . import payment
from . import spreadsheet
from . import survey
