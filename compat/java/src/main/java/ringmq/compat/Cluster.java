package ringmq.compat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.rocketmq.common.protocol.RequestCode;
import org.apache.rocketmq.common.protocol.ResponseCode;
import org.apache.rocketmq.common.protocol.body.ClusterInfo;
import org.apache.rocketmq.remoting.exception.RemotingException;
import org.apache.rocketmq.remoting.netty.NettyClientConfig;
import org.apache.rocketmq.remoting.netty.NettyRemotingClient;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** The servers under test: one name server, one broker. */
record Cluster(String namesrv, String run, String name, String brokerName, String broker) {

    /** Messages with a moment of their own: RocketMQ has them from 5 on. */
    static final String TIMERS = "timer messages";

    /** Waits until the name server knows its broker. */
    static Cluster find(String namesrv, String run) throws Exception {
        DefaultMQAdminExt admin = new DefaultMQAdminExt();
        admin.setNamesrvAddr(namesrv);
        admin.start();
        try {
            Cluster[] found = new Cluster[1];
            Failed.unlessSoon("a broker at " + namesrv, 30, () -> {
                ClusterInfo info;
                try {
                    info = admin.examineBrokerClusterInfo();
                } catch (RemotingException notYet) {
                    return false;
                }
                for (var cluster : info.getClusterAddrTable().entrySet()) {
                    for (String broker : cluster.getValue()) {
                        String addr = info.getBrokerAddrTable().get(broker).selectBrokerAddr();
                        found[0] = new Cluster(namesrv, run, cluster.getKey(), broker, addr);
                    }
                }
                return found[0] != null;
            });
            return found[0];
        } finally {
            admin.shutdown();
        }
    }

    /** Request codes, of those that only a finished broker serves, that this one answers with "not supported"; and {@link #TIMERS}. */
    List<String> lacks() throws Exception {
        int[] codes = {
            RequestCode.QUERY_MESSAGE, RequestCode.VIEW_MESSAGE_BY_ID, RequestCode.CONSUMER_SEND_MSG_BACK,
            RequestCode.GET_PRODUCER_CONNECTION_LIST,
        };
        NettyRemotingClient client = new NettyRemotingClient(new NettyClientConfig());
        client.start();
        try {
            List<String> out = new ArrayList<>();
            for (int code : codes) {
                RemotingCommand answer = client.invokeSync(broker, RemotingCommand.createRequestCommand(code, null), 5000);
                if (answer.getCode() == ResponseCode.REQUEST_CODE_NOT_SUPPORTED) {
                    out.add(String.valueOf(code));
                }
            }
            RemotingCommand config = client.invokeSync(broker, RemotingCommand.createRequestCommand(RequestCode.GET_BROKER_CONFIG, null), 5000);
            if (!new String(config.getBody(), StandardCharsets.UTF_8).contains("timerWheelEnable=true")) {
                out.add(TIMERS);
            }
            return out;
        } finally {
            client.shutdown();
        }
    }
}
