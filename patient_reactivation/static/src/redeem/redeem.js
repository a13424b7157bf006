import { Component, onWillStart, useEffect, useRef, useState } from "@odoo/owl";
import { scanBarcode } from "@web/core/barcode/barcode_dialog";
import { isBarcodeScannerSupported } from "@web/core/barcode/barcode_video_scanner";
import { Dialog } from "@web/core/dialog/dialog";
import { _t } from "@web/core/l10n/translation";
import { ConnectionLostError } from "@web/core/network/rpc";
import { registry } from "@web/core/registry";
import { useAutofocus, useService } from "@web/core/utils/hooks";
import { Layout } from "@web/search/layout";
import { standardActionServiceProps } from "@web/webclient/actions/action_service";

/** Why a redemption is taken back: a manager says it, and it stays on record. */
export class UndoDialog extends Component {
    static template = "patient_reactivation.UndoDialog";
    static components = { Dialog };
    static props = { close: Function, confirm: Function };

    setup() {
        this.state = useState({ note: "" });
        useAutofocus({ refName: "note" });
    }

    get isEmpty() {
        return !this.state.note.trim();
    }

    confirm() {
        if (!this.isEmpty) {
            this.props.confirm(this.state.note);
            this.props.close();
        }
    }
}

/**
 * The front desk redeems coupons: scan or type a code, look whose it is, press once.
 */
export class ReactivationRedeem extends Component {
    static template = "patient_reactivation.Redeem";
    static components = { Layout };
    static props = { ...standardActionServiceProps };

    setup() {
        this.orm = useService("orm");
        this.dialog = useService("dialog");
        this.input = useRef("code");
        this.canScan = isBarcodeScannerSupported();
        const params = this.props.action.params || {};
        this.partnerId = params.partner_id || false;
        this.state = useState({
            text: "",
            busy: false,
            // The server could not be reached: nothing is lost, and it can be tried again.
            retry: false,
            answer: null,
            coupons: [],
            discounted: false,
            insured: false,
        });
        onWillStart(async () => {
            if (this.partnerId) {
                await this.loadCoupons();
            }
            if (params.coupon_id) {
                await this.open(params.coupon_id);
            }
        });
        // A scanner types into the line, whatever was pressed before. Never into the
        // button: some send Enter twice, and nobody would have looked at the name.
        useEffect(
            () => {
                this.input.el.focus();
                this.input.el.select();
            },
            () => [this.state.answer]
        );
    }

    get coupon() {
        return this.state.answer && this.state.answer.coupon;
    }

    get refusal() {
        return this.state.answer && this.state.answer.refusal;
    }

    get isRedeemed() {
        return Boolean(this.state.answer && this.state.answer.redeemed);
    }

    /** Only an open coupon can be redeemed; what was refused for a tick is asked again. */
    get canRedeem() {
        const code = this.state.answer && this.state.answer.code;
        return (
            this.coupon &&
            !this.isRedeemed &&
            this.coupon.state === "open" &&
            (!code || ["discounted", "insured"].includes(code))
        );
    }

    get stateText() {
        return {
            open: _t("Open"),
            redeemed: _t("Redeemed"),
            expired: _t("Expired"),
            revoked: _t("Revoked"),
        }[this.coupon.state];
    }

    /**
     * Ask the server, once at a time.
     *
     * @returns the answer, or undefined if the server could not be reached
     */
    async ask(method, ...args) {
        if (this.state.busy) {
            return;
        }
        this.state.busy = true;
        this.state.retry = false;
        try {
            return await this.orm.call("reactivation.coupon", method, args);
        } catch (error) {
            if (!(error instanceof ConnectionLostError)) {
                throw error;
            }
            this.state.retry = { method, args };
        } finally {
            this.state.busy = false;
        }
    }

    show(answer) {
        if (answer) {
            this.state.answer = answer;
            if (answer.code !== "unknown") {
                this.state.text = "";
            }
        }
    }

    async loadCoupons() {
        this.state.coupons =
            (await this.ask("desk_coupons", this.partnerId)) || this.state.coupons;
    }

    async find() {
        const text = this.state.text.trim();
        if (!text) {
            // Enter on an empty line: the scanner's second one, or “next, please”.
            return;
        }
        this.resetTicks();
        this.show(await this.ask("desk_find", text, this.partnerId));
    }

    async scan() {
        let code;
        try {
            code = await scanBarcode(this.env);
        } catch {
            // The dialog has said why the camera does not work.
            return;
        }
        this.state.text = code;
        await this.find();
    }

    async open(couponId) {
        this.resetTicks();
        this.show(await this.ask("desk_open", couponId, this.partnerId));
    }

    async redeem() {
        if (!this.canRedeem) {
            return;
        }
        const { discounted, insured } = this.state;
        this.show(
            await this.ask(
                "desk_redeem",
                this.coupon.id,
                this.partnerId,
                discounted,
                insured
            )
        );
        if (this.isRedeemed && this.partnerId) {
            await this.loadCoupons();
        }
    }

    undo() {
        const couponId = this.coupon.id;
        this.dialog.add(UndoDialog, {
            confirm: async (note) => {
                this.show(await this.ask("desk_undo", couponId, note));
                if (this.partnerId) {
                    await this.loadCoupons();
                }
            },
        });
    }

    async retry() {
        const { method, args } = this.state.retry;
        if (method === "desk_coupons") {
            await this.loadCoupons();
        } else {
            this.show(await this.ask(method, ...args));
        }
    }

    next() {
        this.resetTicks();
        this.state.answer = null;
        this.state.text = "";
    }

    resetTicks() {
        this.state.discounted = false;
        this.state.insured = false;
    }
}

registry.category("actions").add("patient_reactivation.redeem", ReactivationRedeem);
