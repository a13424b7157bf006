from . import coupon
from . import export
from . import mailing
