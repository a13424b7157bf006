import { _t } from "@web/core/l10n/translation";
import { useHotkey } from "@web/core/hotkeys/hotkey_hook";
import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { formView } from "@web/views/form/form_view";
import { onMounted, onWillUnmount, reactive, useSubEnv } from "@odoo/owl";

const MODEL = "reactivation.delivery";

// The server lets go of a task after a quarter of an hour.
const RENEW = 5 * 60 * 1000;

/**
 * The sheet of a task. It is in the user's hand while it is open; when a result is
 * given, the next one of the list opens, and leaving gives it back.
 */
export class TaskFormController extends formView.Controller {
    setup() {
        super.setup();
        this.notification = useService("notification");
        this.rawOrm = this.env.services.orm;
        // Taken by the server before the sheet opened, but for a reload of the page.
        this.inHand = false;
        // A call that is to be repeated tomorrow is done for today.
        this.done = new Set();
        this.said = reactive({ note: "", reasonId: undefined, minutes: "" });
        useSubEnv({ taskSaid: this.said });
        useHotkey("escape", () => this.env.config.historyBack(), {
            bypassEditableProtection: true,
        });
        onMounted(() => {
            this.timer = setInterval(() => this.renew(), RENEW);
            this.onTaskLoaded();
        });
        onWillUnmount(() => {
            clearInterval(this.timer);
            this.release(this.model.root.resId);
        });
    }

    get modelParams() {
        const params = super.modelParams;
        params.hooks.onRootLoaded = () => this.onTaskLoaded();
        return params;
    }

    /** After every load: a task that is not in hand any more has got its result. */
    async onTaskLoaded() {
        const root = this.model?.root;
        if (!root || !root.resId || this.moving) {
            return;
        }
        if (root.data.is_mine) {
            this.inHand = root.resId;
        } else if (this.inHand === root.resId) {
            await this.openNext();
        } else if (root.data.state === "todo" && !root.data.holder_id) {
            this.inHand = root.resId;
            if (await this.take(root.resId)) {
                await this.model.load();
            }
        }
    }

    /** Open the next task of the list that nobody has in hand, or go back to it. */
    async openNext() {
        const { resId, resIds } = this.model.root;
        const at = resIds.indexOf(resId);
        this.done.add(resId);
        const others = [...resIds.slice(at + 1), ...resIds.slice(0, at)].filter(
            (id) => !this.done.has(id)
        );
        this.moving = true;
        try {
            for (const next of others) {
                if (await this.take(next, { quiet: true })) {
                    await this.show(next, resIds);
                    return;
                }
            }
        } finally {
            this.moving = false;
        }
        this.inHand = false;
        this.notification.add(_t("That was the last one of this list."), {
            type: "success",
        });
        this.env.config.historyBack();
    }

    /** Show a task that is in hand: from its top, and with nothing said yet. */
    async show(resId, resIds) {
        this.inHand = resId;
        Object.assign(this.said, { note: "", reasonId: undefined, minutes: "" });
        await this.model.load({ resId, resIds });
        const form = this.rootRef.el;
        for (const part of [form, form?.querySelector(".o_content")]) {
            part?.scrollTo?.({ top: 0 });
        }
    }

    /** @override */
    async beforeExecuteActionButton(clickParams) {
        const { note, reasonId, minutes } = this.said;
        clickParams.buttonContext = {
            ...clickParams.buttonContext,
            reactivation_note: note.trim(),
            reactivation_reason_id: reasonId,
            // Nothing was entered: the server knows how long the sheet was open.
            reactivation_minutes: Number(minutes) || 0,
        };
        return super.beforeExecuteActionButton(clickParams);
    }

    /** @returns {Promise<boolean>} the task is in the user's hand now */
    async take(resId, { quiet = false } = {}) {
        try {
            return await this.rawOrm.call(MODEL, "action_take", [[resId]]);
        } catch (error) {
            if (!quiet) {
                this.notification.add(error.data?.message || error.message, {
                    type: "warning",
                });
            }
            return false;
        }
    }

    async renew() {
        const root = this.model.root;
        if (root.resId && root.resId === this.inHand) {
            await this.take(root.resId, { quiet: true });
        }
    }

    async release(resId) {
        if (resId && resId === this.inHand) {
            this.inHand = false;
            try {
                await this.rawOrm.silent.call(MODEL, "action_release", [[resId]]);
            } catch {
                // It is free again after a quarter of an hour.
            }
        }
    }

    /** @override */
    async onPagerUpdate({ offset, resIds }) {
        const before = this.model.root.resId;
        const next = resIds[offset];
        if (next === before || !(await this.take(next))) {
            return;
        }
        this.moving = true;
        try {
            await this.release(before);
            await this.show(next, resIds);
        } finally {
            this.moving = false;
        }
    }
}

registry.category("views").add("reactivation_task_form", {
    ...formView,
    Controller: TaskFormController,
});
