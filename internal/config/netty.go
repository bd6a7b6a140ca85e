package config

// NettyServer holds the options of RocketMQ's NettyServerConfig: the listening side of
// name server and broker. The names are Netty's; what acts on them here is the transport.
type NettyServer struct {
	ListenPort                         int    `key:"listenPort" default:"8888" range:"0..65535" doc:"broker start sets 10911, namesrv 9876"`
	ServerWorkerThreads                int    `key:"serverWorkerThreads" default:"8" status:"pool" doc:"codec threads (namesrv: request threads)"`
	ServerCallbackExecutorThreads      int    `key:"serverCallbackExecutorThreads" default:"0" status:"pool" doc:"public pool; ≤0 ⇒ 4"`
	ServerSelectorThreads              int    `key:"serverSelectorThreads" default:"3" status:"loops" doc:"I/O threads"`
	ServerOnewaySemaphoreValue         int    `key:"serverOnewaySemaphoreValue" default:"256" status:"netty" doc:"outgoing oneway permits"`
	ServerAsyncSemaphoreValue          int    `key:"serverAsyncSemaphoreValue" default:"64" status:"netty" doc:"outgoing async permits"`
	ServerChannelMaxIdleTimeSeconds    int    `key:"serverChannelMaxIdleTimeSeconds" default:"120" unit:"s" doc:"idle close"`
	ServerSocketSndBufSize             int    `key:"serverSocketSndBufSize" default:"0" unit:"bytes" status:"kernel" doc:"0 = OS"`
	ServerSocketRcvBufSize             int    `key:"serverSocketRcvBufSize" default:"0" unit:"bytes" status:"kernel" doc:"0 = OS"`
	WriteBufferHighWaterMark           int    `key:"writeBufferHighWaterMark" default:"0" status:"netty" doc:"0 = Netty default"`
	WriteBufferLowWaterMark            int    `key:"writeBufferLowWaterMark" default:"0" status:"netty" doc:"0 = Netty default"`
	ServerSocketBacklog                int    `key:"serverSocketBacklog" default:"1024" range:"1.." status:"kernel" doc:"listen backlog"`
	ServerPooledByteBufAllocatorEnable bool   `key:"serverPooledByteBufAllocatorEnable" default:"true" status:"netty" doc:"pooled buffers"`
	UseEpollNativeSelector             bool   `key:"useEpollNativeSelector" default:"false" status:"netty" doc:"native epoll"`
	BindAddress                        string `key:"bindAddress" default:"" own:"yes" remote:"no" doc:"IP address to listen on; empty = all (the name is RocketMQ 5's)"`
}

// NettyClient holds the options of RocketMQ's NettyClientConfig: the connections a broker
// opens itself, to name servers and to its master.
type NettyClient struct {
	ClientWorkerThreads                int   `key:"clientWorkerThreads" default:"4" status:"pool" doc:"codec threads"`
	ClientCallbackExecutorThreads      int   `key:"clientCallbackExecutorThreads" default:"cpu" status:"pool" doc:"callback pool"`
	ClientOnewaySemaphoreValue         int   `key:"clientOnewaySemaphoreValue" default:"65535" status:"netty" doc:"oneway permits"`
	ClientAsyncSemaphoreValue          int   `key:"clientAsyncSemaphoreValue" default:"65535" status:"netty" doc:"async permits"`
	ConnectTimeoutMillis               int   `key:"connectTimeoutMillis" default:"3000" unit:"ms" range:"1.." doc:"connect wait"`
	ChannelNotActiveInterval           int64 `key:"channelNotActiveInterval" default:"60000" status:"unused" doc:"no effect"`
	ClientChannelMaxIdleTimeSeconds    int   `key:"clientChannelMaxIdleTimeSeconds" default:"120" unit:"s" status:"outgoing" doc:"idle close"`
	ClientSocketSndBufSize             int   `key:"clientSocketSndBufSize" default:"0" unit:"bytes" status:"kernel" doc:"0 = OS"`
	ClientSocketRcvBufSize             int   `key:"clientSocketRcvBufSize" default:"0" unit:"bytes" status:"kernel" doc:"0 = OS"`
	ClientPooledByteBufAllocatorEnable bool  `key:"clientPooledByteBufAllocatorEnable" default:"false" status:"unused" doc:"no effect"`
	ClientCloseSocketIfTimeout         bool  `key:"clientCloseSocketIfTimeout" default:"true" status:"outgoing" doc:"close the channel on a sync timeout"`
	UseTLS                             bool  `key:"useTLS" default:"false" status:"tls" doc:"TLS outwards"`
	WriteBufferHighWaterMark           int   `key:"writeBufferHighWaterMark" default:"0" status:"netty" doc:"0 = Netty default"`
	WriteBufferLowWaterMark            int   `key:"writeBufferLowWaterMark" default:"0" status:"netty" doc:"0 = Netty default"`
}
