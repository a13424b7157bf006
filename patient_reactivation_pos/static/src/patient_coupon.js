import { AlertDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
import { ConnectionLostError } from "@web/core/network/rpc";
import { patch } from "@web/core/utils/patch";
import { PosStore } from "@point_of_sale/app/services/pos_store";
import OrderPaymentValidation from "@point_of_sale/app/utils/order_payment_validation";

/** Crockford's Base 32, of which the server's codes are made. */
const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const LENGTH = 18;

/** @returns {number} a value of the field of 32 elements times a power of its generator */
function times(value, exponent) {
    for (let step = 0; step < exponent; step++) {
        value <<= 1;
        if (value & 0b100000) {
            value ^= 0b100101;
        }
    }
    return value;
}

/**
 * Codes of other programs are left alone: the check symbol tells ours.
 *
 * @param {string} text what was scanned or typed
 * @returns {boolean} it is the code of a patient's coupon, as the server reads it
 */
export function isPatientCode(text) {
    const values = [...(text || "").toUpperCase().replace(/[^0-9A-Z]/g, "")]
        .map((sign) => ({ O: "0", I: "1", L: "1" })[sign] || sign)
        .map((sign) => ALPHABET.indexOf(sign));
    if (values.length !== LENGTH || values.includes(-1)) {
        return false;
    }
    const [check, ...others] = values;
    return (
        check === others.reduce((sum, value, place) => sum ^ times(value, place + 1), 0)
    );
}

/**
 * What an order line costs by the pricelist of its order, next to what it usually costs.
 *
 * @param {Object} line
 * @returns {boolean} the pricelist makes it cheaper
 */
function isCheaper(line) {
    const pricelist = line.order_id.pricelist_id;
    if (!pricelist || line.price_type !== "original") {
        return false;
    }
    const product = line.product_id;
    const price = (list) =>
        product.product_tmpl_id.getPrice(list, line.getQuantity(), 0, false, product);
    return line.currency.round(price(pricelist)) < line.currency.round(price(false));
}

/**
 * @param {Object} line
 * @param {Object} [coupon] the loyalty card that is used
 * @returns {boolean} the bill is cheaper for another reason than this coupon
 */
function isDiscounted(line, coupon) {
    if (line.is_reward_line) {
        // Gift cards and eWallets pay, they are no discount.
        return line.coupon_id?.id !== coupon?.id && !line.isGiftCardOrEWalletReward();
    }
    return line.getDiscount() > 0 || line.price_unit < 0 || isCheaper(line);
}

/**
 * Lines that keep a coupon off the bill, as the front desk asks about them.
 *
 * @param {Object} order
 * @param {Object} [coupon] the loyalty card that is used
 * @returns {{discounted: boolean, insured: boolean}}
 */
export function visitOf(order, coupon) {
    return {
        discounted: order.lines.some((line) => isDiscounted(line, coupon)),
        insured: order.lines.some(
            (line) => line.product_id.product_tmpl_id?.reactivation_insured
        ),
    };
}

/**
 * @param {Object} order
 * @returns {string|false} what to say, if the lines of the bill take no coupon
 */
function refusalOfLines(order) {
    const { discounted, insured } = visitOf(order);
    if (discounted) {
        return _t(
            "This visit has a discount already. The coupon cannot be added to it; please keep it for another visit."
        );
    }
    return (
        insured &&
        _t(
            "This visit is paid by your insurance. The coupon is for visits you pay yourself."
        )
    );
}

patch(PosStore.prototype, {
    async activateCode(code) {
        const refusal = isPatientCode(code) && refusalOfLines(this.getOrder());
        return refusal || (await super.activateCode(code));
    },
});

patch(OrderPaymentValidation.prototype, {
    async validateOrder(isForceValidate) {
        const cards = this.order
            ._get_reward_lines()
            .map((line) => line.coupon_id)
            .filter((card) => card?.id > 0 && card.program_id?.program_type === "coupons");
        if (cards.length) {
            if (!(await this.isOrderValid(isForceValidate))) {
                return;
            }
            const refusal = await this.holdPatientCoupons(cards);
            if (refusal) {
                this.pos.dialog.add(AlertDialog, {
                    title: _t("Take the coupon off the bill"),
                    body: refusal,
                });
                return;
            }
        }
        return await super.validateOrder(...arguments);
    },

    /**
     * Customer and lines may have changed since the coupon was scanned.
     *
     * @param {Object[]} cards loyalty cards, of patients or not
     * @returns {Promise<string|false>} what to say, if one of them cannot be used
     */
    async holdPatientCoupons(cards) {
        const visit = visitOf(this.order, cards[0]);
        try {
            return await this.pos.data.call("pos.config", "hold_patient_coupons", [
                [this.pos.config.id],
                this.order.uuid,
                this.order.getPartner()?.id || false,
                [...new Set(cards.map((card) => card.id))],
                visit.discounted,
                visit.insured,
            ]);
        } catch (error) {
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
            // Odoo goes on without asking. Other coupons may; those of patients may not.
            return (
                cards.some((card) => isPatientCode(card.code)) &&
                _t(
                    "I cannot check your coupon right now: we have no connection. You may keep it for another visit, or wait a moment."
                )
            );
        }
    },
});
