/**
 * Gives an object a method of its own. It is defined and not assigned: if each of many objects is assigned a function of
 * its own, V8 keeps every one of them alive through the next scavenges.
 */
export function defineOwnMethod<T extends object, K extends keyof T>(target: T, name: K, method: T[K]): void {
  Object.defineProperty(target, name, { value: method, writable: true, enumerable: true, configurable: true });
}
