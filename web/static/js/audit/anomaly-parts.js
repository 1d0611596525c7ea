// An anomaly in words: its name and grade, what it is about, why it is listed. It accuses nobody.

import { element, icon } from "../page.js";
import { word } from "../words.js";
import { deskName, figure, moment, pointName, serviceName, short, staffNumber } from "./labels.js";

function valuesOf(one) {
  const { point, other, service, device, operator, holder } = one.about;
  return {
    ...one.about,
    count: figure(one.count), point: point && pointName(point), other: other && pointName(other),
    service: service && serviceName(service), device: device && deskName(device), staff: operator ? staffNumber(operator) : device && deskName(device), holder: holder && short(holder),
  };
}

export function anomalyHead(one) {
  return [
    element("span", { class: one.grave ? "no-ink" : "amber-ink" }, icon(one.grave ? "refused" : "warning")),
    element("span", { class: "grow" },
      element("strong", {}, word(`anomaly.${one.kind}`)), " ", word(`anomaly.${one.kind}-what`, valuesOf(one)),
      element("small", {}, `${moment(one.at)} · ${word(one.reviews.length ? "audit-anomalies.seen" : "audit-anomalies.open")}`)),
  ];
}

export const anomalyWhy = (one) => word(`anomaly.${one.kind}-why`, valuesOf(one));
