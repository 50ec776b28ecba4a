/** A process that has nothing but kubernetesApi(): it discovers, says what came of it, and may end once it is told so. */
import { kubernetesApi, type KubernetesApiOptions } from 'rookery/discovery';
import { patience, strategyContext } from 'rookery/testing';

// Whoever listens to its parent is kept by that.
process.once('message', () => process.disconnect());

const strategy = kubernetesApi(JSON.parse(process.argv[2]!) as KubernetesApiOptions);
await strategy.start?.(strategyContext());
const answer = await strategy.discover(patience()).catch((error: Error) => error.message);
process.send!(answer);
