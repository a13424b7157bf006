import { AlertDialog } from "@web/core/confirmation_dialog/confirmation_dialog";
import { _t } from "@web/core/l10n/translation";
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
 * Lines that keep a coupon off the bill, as the front desk asks about them.
 *
 * @param {Object} order
 * @param {Object} [coupon] the loyalty card that is used
 * @returns {string|false} what to say
 */
export function refusalOfLines(order, coupon) {
    for (const line of order.lines) {
        if (line.is_reward_line) {
            if (line.coupon_id?.id !== coupon?.id) {
                return sayDiscounted();
            }
        } else if (line.getDiscount() > 0) {
            return sayDiscounted();
        } else if (line.product_id.product_tmpl_id?.reactivation_insured) {
            return _t(
                "This visit is paid by your insurance. The coupon is for visits you pay yourself."
            );
        }
    }
    return false;
}

function sayDiscounted() {
    return _t(
        "This visit has a discount already. The coupon cannot be added to it; please keep it for another visit."
    );
}

patch(PosStore.prototype, {
    async activateCode(code) {
        const refusal = isPatientCode(code) && refusalOfLines(this.getOrder());
        return refusal || (await super.activateCode(code));
    },
});

patch(OrderPaymentValidation.prototype, {
    async validateOrder() {
        const line = this.order.lines.find(
            (line) => line.is_reward_line && isPatientCode(line.coupon_id?.code)
        );
        const refusal = line && refusalOfLines(this.order, line.coupon_id);
        if (refusal) {
            this.pos.dialog.add(AlertDialog, {
                title: _t("The coupon cannot be used"),
                body: refusal,
            });
            return;
        }
        await super.validateOrder(...arguments);
    },
});
