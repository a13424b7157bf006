from . import reactivation_coupon
from . import reactivation_outcome
from . import sale_order
from . import sale_order_line
