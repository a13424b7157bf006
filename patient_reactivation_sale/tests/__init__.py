from . import test_sale_coupon
from . import test_sale_outcome
from . import test_sale_revenue
from . import test_translations
from . import test_sale_payment_help
