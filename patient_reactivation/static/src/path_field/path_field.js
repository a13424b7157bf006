import { Component, useState } from "@odoo/owl";
import { ModelFieldSelectorPopover } from "@web/core/model_field_selector/model_field_selector_popover";
import { usePopover } from "@web/core/popover/popover_hook";
import { _t } from "@web/core/l10n/translation";
import { registry } from "@web/core/registry";
import { KeepLast } from "@web/core/utils/concurrency";
import { useService } from "@web/core/utils/hooks";
import { useRecordObserver } from "@web/model/relational_model/utils";
import { CharField, charField } from "@web/views/fields/char/char_field";

/**
 * A path through the fields of a model, typed or picked from a list.
 *
 * Odoo's own field selector lets a path be typed in developer mode only. Here
 * both ways are always open, and below the path its fields are named in the
 * words of the user interface.
 */
export class ReactivationPathField extends Component {
    static template = "patient_reactivation.PathField";
    static components = { CharField };
    static props = {
        ...CharField.props,
        modelField: { type: String },
    };

    setup() {
        this.fieldService = useService("field");
        this.keepLast = new KeepLast();
        this.state = useState({ names: [], isInvalid: false, hasModel: true });
        this.pickedPath = null;
        this.popover = usePopover(ModelFieldSelectorPopover, {
            popoverClass: "o_popover_field_selector",
            onClose: () => this.applyPicked(),
        });
        useRecordObserver((record) => {
            // Read here, so that a change of either is observed.
            const path = record.data[this.props.name];
            const resModel = record.data[this.props.modelField];
            return this.describe(resModel, path);
        });
    }

    get path() {
        return this.props.record.data[this.props.name] || "";
    }

    get resModel() {
        return this.props.record.data[this.props.modelField];
    }

    get charProps() {
        const { modelField, ...props } = this.props;
        return props;
    }

    get pickTitle() {
        return _t("Pick from the fields of the model");
    }

    async describe(resModel, path) {
        Object.assign(this.state, { names: [], isInvalid: false, hasModel: !!resModel });
        if (!resModel) {
            return;
        }
        try {
            await this.keepLast.add(this.fieldService.loadFields(resModel));
            if (!path) {
                return;
            }
            const { displayNames, isInvalid } = await this.keepLast.add(
                this.fieldService.loadPathDescription(resModel, path, true)
            );
            Object.assign(this.state, { names: displayNames, isInvalid });
        } catch {
            // The model is not installed: the alert of the form says so.
            this.state.hasModel = false;
        }
    }

    openPicker(ev) {
        this.pickedPath = null;
        this.popover.open(ev.currentTarget.closest(".o_reactivation_path"), {
            resModel: this.resModel,
            path: this.state.isInvalid ? "" : this.path,
            update: (path) => {
                this.pickedPath = path;
            },
            showSearchInput: true,
            isDebugMode: true,
            showDebugInput: false,
            // Only what has a column of its own, or leads to one.
            filter: (field) =>
                !["separator", "properties", "json", "html", "binary"].includes(
                    field.type
                ) &&
                (field.store || field.related),
        });
    }

    applyPicked() {
        if (this.pickedPath) {
            this.props.record.update({ [this.props.name]: this.pickedPath });
        }
    }
}

export const reactivationPathField = {
    ...charField,
    component: ReactivationPathField,
    displayName: _t("Path to a field"),
    supportedOptions: [{ label: _t("Model"), name: "model", type: "string" }],
    extractProps: (fieldInfo, dynamicInfo) => ({
        ...charField.extractProps(fieldInfo, dynamicInfo),
        modelField: fieldInfo.options.model,
    }),
    fieldDependencies: ({ options }) => [{ name: options.model, type: "char" }],
};

registry.category("fields").add("reactivation_path", reactivationPathField);
