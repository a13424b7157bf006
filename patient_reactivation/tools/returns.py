"""What a campaign brought in beside what it cost."""


def return_on_investment(revenue, cost):
    """(revenue − cost) ÷ cost: 1.0 says that each unit of money came back doubled.

    :param float revenue: what returned patients brought in; negative where credit
        notes outweigh
    :param float cost: what reaching them cost, coupons included
    :return: float, or None where nothing was spent: there is nothing to compare with
    """
    return (revenue - cost) / cost if cost > 0 else None
