package server

import "ringmq/internal/wire"

// stateRoutes are the routes of everything but sending and pulling.
func stateRoutes() map[wire.Code]route {
	return map[wire.Code]route{
		// Of every client, all the time.
		wire.CodeUpdateConsumerOffset:   {inline, (*Broker).updateConsumerOffset},
		wire.CodeQueryConsumerOffset:    {inline, (*Broker).queryConsumerOffset},
		wire.CodeGetMaxOffset:           {guardedInline, (*Broker).maxOffset},
		wire.CodeGetMinOffset:           {guardedInline, (*Broker).minOffset},
		wire.CodeGetConsumerListByGroup: {guardedInline, (*Broker).consumerList},
		wire.CodeUnregisterClient:       {guardedInline, (*Broker).unregisterClient},

		// Of every client, but with a body of any size or a look at files.
		wire.CodeHeartBeat:               {worker, (*Broker).heartbeat},
		wire.CodeCheckClientConfig:       {worker, (*Broker).checkClientConfig},
		wire.CodeLockBatchMq:             {worker, (*Broker).lockQueues},
		wire.CodeUnlockBatchMq:           {worker, (*Broker).unlockQueues},
		wire.CodeSearchOffsetByTimestamp: {worker, (*Broker).offsetByTime},
		wire.CodeGetEarliestMsgStoretime: {worker, (*Broker).earliestStoreTime},
		wire.CodeEndTransaction:          {inline, (*Broker).endTransaction},
		wire.CodeQueryMessage:            {worker, (*Broker).queryMessage},
		wire.CodeViewMessageByID:         {worker, (*Broker).viewMessage},

		// Of tools and slaves.
		wire.CodeUpdateAndCreateTopic:             {worker, (*Broker).updateTopic},
		wire.CodeDeleteTopicInBroker:              {worker, (*Broker).deleteTopic},
		wire.CodeGetAllTopicConfig:                {worker, (*Broker).allTopics},
		wire.CodeGetSystemTopicListFromBroker:     {worker, (*Broker).systemTopics},
		wire.CodeGetTopicStatsInfo:                {worker, (*Broker).topicStats},
		wire.CodeQueryTopicConsumeByWho:           {worker, (*Broker).whoConsumes},
		wire.CodeUpdateAndCreateSubscriptiongroup: {worker, (*Broker).updateGroup},
		wire.CodeGetAllSubscriptiongroupConfig:    {worker, (*Broker).allGroups},
		wire.CodeDeleteSubscriptiongroup:          {worker, (*Broker).deleteGroup},
		wire.CodeGetConsumerConnectionList:        {worker, (*Broker).consumerConnections},
		wire.CodeGetProducerConnectionList:        {worker, (*Broker).producerConnections},
		wire.CodeGetAllProducerInfo:               {worker, (*Broker).allProducers},
		wire.CodeGetAllConsumerOffset:             {worker, (*Broker).allConsumerOffsets},
		wire.CodeGetAllDelayOffset:                {worker, (*Broker).allDelayOffsets},
		wire.CodeGetConsumeStats:                  {worker, (*Broker).consumeStats},
		wire.CodeGetBrokerConsumeStats:            {worker, (*Broker).allConsumeStats},
		wire.CodeQueryConsumeTimeSpan:             {worker, (*Broker).consumeTimeSpan},
		wire.CodeQueryCorrectionOffset:            {worker, (*Broker).correctionOffset},
		wire.CodeCloneGroupOffset:                 {worker, (*Broker).cloneGroupOffset},
		wire.CodeQueryConsumeQueue:                {worker, (*Broker).queryConsumeQueue},
		wire.CodeGetBrokerConfig:                  {worker, (*Broker).brokerConfig},
		wire.CodeUpdateBrokerConfig:               {worker, (*Broker).updateBrokerConfig},
		wire.CodeGetBrokerRuntimeInfo:             {worker, (*Broker).runtimeInfo},
		wire.CodeViewBrokerStatsData:              {worker, (*Broker).brokerStats},
		wire.CodeCleanExpiredConsumequeue:         {worker, (*Broker).cleanStaleQueues},
		wire.CodeCleanUnusedTopic:                 {worker, (*Broker).cleanUnusedTopics},
		wire.CodeDeleteExpiredCommitlog:           {worker, (*Broker).deleteExpired},
		wire.CodeResumeCheckHalfMessage:           {worker, (*Broker).resumeHalfMessage},

		// Through the broker to clients.
		wire.CodeSendReplyMessage:                {guardedInline, waiting((*Broker).sendReply, replyPool)},
		wire.CodeSendReplyMessageV2:              {guardedInline, waiting((*Broker).sendReply, replyPool)},
		wire.CodeInvokeBrokerToResetOffset:       {worker, (*Broker).resetOffset},
		wire.CodeInvokeBrokerToGetConsumerStatus: {guardedInline, aside((*Broker).consumerStatus)},
		wire.CodeGetConsumerRunningInfo:          {guardedInline, aside((*Broker).consumerRunningInfo)},
		wire.CodeConsumeMessageDirectly:          {guardedInline, aside((*Broker).consumeDirectly)},
	}
}
