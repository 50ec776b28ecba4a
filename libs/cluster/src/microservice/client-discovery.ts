/** Finds the clients that Nest made without injection: those of `ClientsModule`, and those that `@Client` put on a property. */
import { ClusterClient } from './cluster-client.js';

/**
 * The instance itself, or what its own properties hold, without calling any accessor.
 * @param isMade by a factory or the application: then it may be anything, a large array for example, and is not looked into
 */
export function clientsOf(instance: object, isMade: boolean): ClusterClient[] {
  if (instance instanceof ClusterClient) return [instance];
  if (isMade) return [];
  return Object.keys(instance).flatMap((name) => {
    const value: unknown = Object.getOwnPropertyDescriptor(instance, name)?.value;
    return value instanceof ClusterClient ? [value] : [];
  });
}
