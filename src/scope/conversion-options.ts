/** What a conversion is worth, and to whom it counts. */
export interface ConversionOptions<Key extends string = string> {
  /** In whatever unit the service counts; finite, and not negative. */
  readonly value?: number;
  /** The one experiment to which it counts, also where its exposure was in an earlier request. */
  readonly experiment?: Key;
}
