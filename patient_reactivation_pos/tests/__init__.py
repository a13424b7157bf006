from . import test_pos_coupon
