/** `rookery/dashboard`: look at a running node. */
export { type ClusterView, clusterView, type DetourView, type LinkView, type ViewedCluster } from './cluster-view.js';
export { DashboardModule, type DashboardOptions } from './dashboard.module.js';
