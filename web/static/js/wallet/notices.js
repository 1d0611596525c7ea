// The yearly notice that a receipt answers, in words: from when on, until when, or about when it is expected.

import { now } from "../clock.js";
import { dateOf, lastDateOf } from "../times.js";
import { word } from "../words.js";

// What is said of a service whose notice takes no receipt now; of one that does, its days.
export function noticeOf({ notices = [], awaited }) {
  const open = notices.find((one) => Date.parse(one.opens_at) <= now());
  if (open) return word("wallet.notice-open", { year: open.year, last: lastDateOf(open.closes_at) });
  const [next] = notices;
  if (next) return word("wallet.notice-from", { year: next.year, date: dateOf(next.opens_at) });
  if (!awaited) return "";
  return awaited.about && Date.parse(awaited.about) > now() ? word("wallet.notice-expected", { year: awaited.year, date: dateOf(awaited.about) }) : word("wallet.notice-awaited", { year: awaited.year });
}
