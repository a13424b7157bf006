from . import test_pos_coupon
from . import test_translations
