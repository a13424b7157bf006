from . import reactivation_coupon
from . import reactivation_outcome
from . import reactivation_outcome_money
from . import sale_order
from . import sale_order_line
