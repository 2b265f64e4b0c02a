// Reads iCalendar documents as JSON strings, one per line, and writes what ical.js makes of each, one line per document.
import ICAL from "ical.js";
import { createInterface } from "node:readline";

for await (const line of createInterface({ input: process.stdin })) {
  const document = new ICAL.Component(ICAL.parse(JSON.parse(line)));
  for (const zone of document.getAllSubcomponents("vtimezone")) ICAL.TimezoneService.register(zone);
  const events = document.getAllSubcomponents("vevent").map((component) => {
    const event = new ICAL.Event(component);
    return {
      uid: event.uid,
      summary: event.summary,
      description: event.description,
      location: event.location,
      start: event.startDate.toUnixTime(),
      end: event.endDate.toUnixTime(),
      sequence: event.sequence,
      status: component.getFirstPropertyValue("status"),
      organizer: event.organizer,
      cn: component.getFirstProperty("organizer")?.getParameter("cn") ?? null,
    };
  });
  process.stdout.write(JSON.stringify({ method: document.getFirstPropertyValue("method"), events }) + "\n");
}
