import type { Random } from "../../tensor/random.ts";

/** The numbers below a count in an order in which each is as likely as any other (Fisher and Yates). */
export function randomOrder(count: number, random: Random): readonly number[] {
  const order = Array.from({ length: count }, (_, index) => index);
  for (let last = order.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [order[last], order[other]] = [order[other] ?? 0, order[last] ?? 0];
  }
  return order;
}
