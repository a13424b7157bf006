import { registry } from "@web/core/registry";
import { useService } from "@web/core/utils/hooks";
import { calendarView } from "@web/views/calendar/calendar_view";
import { CalendarController } from "@web/views/calendar/calendar_controller";

/**
 * A visit has no form of its own: it opens the meeting, order or imported row
 * it stands for, as in the list.
 */
export class VisitCalendarController extends CalendarController {
    setup() {
        super.setup();
        this.orm = useService("orm");
        this.actionService = useService("action");
    }

    async editRecord(record) {
        this.actionService.doAction(
            await this.orm.call(this.props.resModel, "action_open_document", [[record.id]])
        );
    }
}

registry.category("views").add("reactivation_visit_calendar", {
    ...calendarView,
    Controller: VisitCalendarController,
});
